"""Client: the verbs of `Memory` over HTTP."""
