"""Find passages, answer from them with citations, and serve that to terminals, programs and browsers."""
