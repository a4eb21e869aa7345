"""What other programs and libraries call: notebooks."""
