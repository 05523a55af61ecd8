"""Print the OpenAPI description of the server, from which clients are generated."""

import json

from memagent import Memory
from memagent.config import load_settings
from memagent.server.app import create_app
from memagent.server.services import Services
from memagent.testing import HashEmbedder

with Memory.in_memory(embedder=HashEmbedder()) as memory:
    app = create_app(Services(memory=memory, settings=load_settings()))
    print(json.dumps(app.openapi(), indent=1))
