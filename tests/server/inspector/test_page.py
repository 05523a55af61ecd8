"""Files of the inspector's page: their headers, and that they ask nothing of anybody else."""

import re

import pytest
from served import services
from starlette.testclient import TestClient

from memagent.server.app import create_app
from memagent.server.inspector.page import POLICY
from memagent.server.services import ServeOptions, Services
from memagent.stores.access.keys import Keys


@pytest.fixture
def of() -> Services:
    return services()


def files(client: TestClient) -> dict[str, str]:
    """Return the page and all that it links to or imports, by path."""
    found, wanted = {}, ["/"]
    while wanted:
        path = wanted.pop()
        if path in found:
            continue
        reply = client.get(path)
        assert reply.status_code == 200, path
        found[path] = reply.text
        links = re.findall(r'(?:src|href)="(inspector/[^"]+)"', reply.text)
        imports = re.findall(r'from "\./([^"]+)"', reply.text)
        wanted += [f"/{link}" for link in links] + [f"/inspector/{name}" for name in imports]
    return found


def test_the_page_and_its_files_are_served_with_a_strict_policy(of: Services) -> None:
    with TestClient(create_app(of)) as client:
        for path in files(client):
            headers = client.get(path).headers
            assert headers["content-security-policy"] == POLICY
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-cache"
        assert "unsafe" not in POLICY
        assert client.get("/inspector/app.js").headers["content-type"].startswith("text/javascript")


def test_a_file_that_the_browser_has_is_not_sent_again(of: Services) -> None:
    with TestClient(create_app(of)) as client:
        tag = client.get("/inspector/app.js").headers["etag"]
        again = client.get("/inspector/app.js", headers={"If-None-Match": f"W/{tag}"})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get("/", headers={"If-None-Match": tag}).status_code == 200


def test_no_file_names_another_server_or_makes_markup_of_text(of: Services) -> None:
    with TestClient(create_app(of)) as client:
        for path, text in files(client).items():
            urls = [url for url in re.findall(r"https?://[\w.]+", text) if "w3.org" not in url]
            assert not urls, path
            if path.endswith(".js"):
                assert not re.search(
                    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text
                )
                assert text.count("\n") <= 300
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", files(client)["/"])


def test_the_page_needs_no_key_and_its_data_does(of: Services) -> None:
    Keys(of.memory.engine.store).make("laptop", ("ada",))
    with TestClient(create_app(of)) as client:
        assert files(client)
        assert client.get("/v1/records").status_code == 401


def test_a_server_without_the_inspector_has_no_page() -> None:
    with TestClient(create_app(services(options=ServeOptions(inspector=False)))) as client:
        assert client.get("/").status_code == 404
