"""Server of a throwaway memory for MCP's conformance suite: prints its address, runs until killed.

python .ci/mcp_server.py    # with the shipped fake embedder, on a free port of the loopback
"""

import socket

import uvicorn

from memagent.config import Settings
from memagent.memory.memory import Memory
from memagent.server.app import create_app
from memagent.server.services import Services
from memagent.testing import HashEmbedder


def main() -> None:
    """Serve until a signal comes."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        memory.add("Ada lives in Lisbon.", scope="me")
        app = create_app(Services(memory=memory, settings=Settings(user="me")))
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
