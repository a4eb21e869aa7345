"""What gitxp adds to the Python processes of a command: this folder stands first on their PYTHONPATH.

It runs in the user's interpreter, from Python 3.8 on, in which nothing of gitxp need be installed: so it imports nothing
but the standard library, and nothing else of gitxp imports it.
"""
