"""
Nodes with children, drawn as the lines of a tree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_DEEPEST = 12


@dataclass(slots=True)
class Node:
    """
    One line of a tree.

    Attributes:
        label: What the line says after the branches.
        row: The line's other cells.
        children: In the order in which they are drawn.
    """

    label: str
    row: dict[str, Any] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Branches:
    """
    The pieces that branches are drawn with, each as wide as the others.
    """

    fork: str
    end: str
    through: str
    blank: str


LINES = Branches("├─ ", "└─ ", "│  ", "   ")
ASCII = Branches("|- ", "`- ", "|  ", "   ")


def draw(root: Node, branches: Branches) -> Iterator[tuple[int, str, Node]]:
    """
    Walk a tree from the top and give each node its depth and its branches.

    Trees of any depth can be drawn; below a dozen levels only the last are shown.
    """
    waiting: list[tuple[int, tuple[str, ...], str, Node]] = [(0, (), "", root)]
    while waiting:
        depth, above, own, node = waiting.pop()
        yield depth, "".join((*above[-_DEEPEST:], own)), node
        below = above if not own else (*above, _continued(own, branches))
        for at, child in reversed(list(enumerate(node.children))):
            last = at == len(node.children) - 1
            piece = branches.end if last else branches.fork
            waiting.append((depth + 1, below[-_DEEPEST:], piece, child))


def _continued(own: str, branches: Branches) -> str:
    return branches.blank if own == branches.end else branches.through
