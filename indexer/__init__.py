"""Read notes, split them into passages, embed them, and keep them findable.

The straight line: discover → parse → split → encode → store. See ARCHITECTURE.md.
"""

__version__ = "0.1.0"
