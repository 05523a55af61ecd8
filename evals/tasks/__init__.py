"""Tasks that ship with memagent, registered by the name of their suite."""
