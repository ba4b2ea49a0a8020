// A program instrumented with OpenTelemetry JS, which sends spans and tells what it sent.
// Usage: node send.js EXPORTER URL [TOKEN], where EXPORTER is `http`, `proto` or `grpc`.
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} = require("@opentelemetry/sdk-trace-base");

const [kind, url, token] = process.argv.slice(2);
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${kind}`);
const options = { url };
if (token && kind === "grpc") {
  const { Metadata } = require("@grpc/grpc-js");
  options.metadata = new Metadata();
  options.metadata.set("authorization", `Bearer ${token}`);
} else if (token) {
  options.headers = { Authorization: `Bearer ${token}` };
}

const kept = new InMemorySpanExporter();
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": "node-agent", "host.cpus": 2 }),
  spanProcessors: [
    new SimpleSpanProcessor(kept),
    new SimpleSpanProcessor(new OTLPTraceExporter(options)),
  ],
});
const tracer = provider.getTracer("agents", "1.2.3");

const root = tracer.startSpan("invoke_agent planner", { kind: SpanKind.INTERNAL });
const inside = trace.setSpan(ROOT_CONTEXT, root);
root.setAttributes({
  "gen_ai.operation.name": "invoke_agent",
  "gen_ai.agent.name": "planner",
  integer: 7,
  largest: Number.MAX_SAFE_INTEGER,
  negative: -3,
  fraction: 0.25,
  yes: true,
  no: false,
  text: "naïve ☃ 🙂",
  texts: ["a", "b"],
  numbers: [1, 2],
});
const call = tracer.startSpan("chat gpt-4o", { kind: SpanKind.CLIENT }, inside);
call.setAttributes({
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "openai",
  "gen_ai.request.model": "gpt-4o",
  "gen_ai.usage.input_tokens": 1000,
  "gen_ai.usage.output_tokens": 100,
});
call.addEvent("first token", { after_s: 0.5 });
call.setStatus({ code: SpanStatusCode.OK });
call.end();
const tool = tracer.startSpan(
  "execute_tool search",
  { kind: SpanKind.PRODUCER, links: [{ context: call.spanContext(), attributes: { why: "asked" } }] },
  inside,
);
tool.setStatus({ code: SpanStatusCode.ERROR, message: "no such tool" });
tool.end();
root.end();

const nanoseconds = ([seconds, rest]) => (BigInt(seconds) * 1000000000n + BigInt(rest)).toString();
const told = (span) => ({
  trace_id: span.spanContext().traceId,
  span_id: span.spanContext().spanId,
  parent_span_id: span.parentSpanContext?.spanId ?? "",
  name: span.name,
  // OTLP counts from 1, with 0 for unspecified.
  kind: span.kind + 1,
  start_ns: nanoseconds(span.startTime),
  end_ns: nanoseconds(span.endTime),
  attributes: span.attributes,
  events: span.events.map((event) => [event.name, nanoseconds(event.time), event.attributes]),
  links: span.links.map((link) => [link.context.traceId, link.context.spanId, link.attributes]),
  status: [span.status.code, span.status.message ?? ""],
  resource: span.resource.attributes,
  scope: [span.instrumentationScope.name, span.instrumentationScope.version],
});

const tell = (failure) =>
  process.stdout.write(JSON.stringify({ spans: kept.getFinishedSpans().map(told), failure }));
provider.forceFlush().then(
  () => tell(null),
  (error) => tell(String(error)),
);
