"""A run while it happens: the process, its journal, its end, and recovery when nobody saw the end."""
