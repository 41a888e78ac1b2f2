"""A stand-in for the Hugging Face hub, at the machine itself: repositories of models in memory."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit


class FakeHub:
    """What the hub holds, and what it was asked for.

    Attributes:
        url: where it listens.
        commits: of each repository by its name, by each branch: the files of every commit, the last one the newest.
        asked: method and path of every request.
        private: what was typed when a repository was made.
    """

    def __init__(self) -> None:
        self.url = ""
        self.commits: dict[tuple[str, str], list[dict[str, bytes]]] = {}
        self.asked: list[str] = []
        self.private: dict[str, Any] = {}

    def find(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit that a branch or a hash stands for, and its files."""
        for (name, branch), commits in self.commits.items():
            for files in reversed(commits):
                if name == repo and revision in (branch, commit_of(files)):
                    return commit_of(files), files
        return None

    def commit(self, repo: str, branch: str, lines: list[dict[str, Any]]) -> str:
        """What the lines of a commit make of the newest files."""
        files = dict(self.commits[repo, branch][-1])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "deletedFile":
                del files[value["path"]]
        self.commits[repo, branch].append(files)
        return commit_of(files)


def commit_of(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Listen at a free port of the machine."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
                if any(name == match[1] for name, _ in hub.commits):
                    found = hub.find(match[1], match[2] or "main")
                    return self.model(match[1], found) if found else self.missing("RevisionNotFound")
            elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)/?", path):
                _, files = hub.find(match[1], match[2]) or ("", {})
                rows = [{"type": "file", "path": own, "size": len(raw), "oid": sha(raw)} for own, raw in files.items()]
                return self.answer(rows)
            elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                commit, files = hub.find(match[1], match[2]) or ("", {})
                if match[3] in files:
                    headers = {"X-Repo-Commit": commit, "ETag": f'"{sha(files[match[3]])}"'}
                    return self.send(200, files[match[3]], headers)
                return self.missing("EntryNotFound")
            return self.missing("RepoNotFound")

        do_HEAD = do_GET  # noqa: N815

        def do_POST(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"POST {path}")
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if self.headers["Authorization"] != "Bearer secret":
                return self.send(401, b"{}", {})
            if path == "/api/repos/create":
                typed = json.loads(body)
                repo = f"{typed.get('organization') or 'me'}/{typed['name']}"
                hub.commits.setdefault((repo, "main"), [{".gitattributes": b""}])
                hub.private[repo] = typed.get("private") or typed.get("visibility") == "private"
                return self.answer({"url": f"{hub.url}/{repo}", "id": repo})
            if path == "/api/validate-yaml":
                return self.answer({"errors": [], "warnings": []})
            if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/branch/([^/]+)", path):
                hub.commits.setdefault((match[1], match[2]), [hub.commits[match[1], "main"][-1]])
                return self.answer({})
            if path.partition("/preupload/")[1]:
                names = [each["path"] for each in json.loads(body)["files"]]
                return self.answer(
                    {"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]}
                )
            if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/([^/]+)", path):
                commit = hub.commit(match[1], match[2], [json.loads(line) for line in body.splitlines()])
                return self.answer({"commitUrl": f"{hub.url}/{match[1]}/commit/{commit}", "commitOid": commit})
            return self.missing("RepoNotFound")

        def model(self, repo: str, found: tuple[str, dict[str, bytes]]) -> None:
            commit, files = found
            siblings = [{"rfilename": name} for name in files]
            self.answer({"id": repo, "sha": commit, "siblings": siblings, "private": False, "tags": [], "downloads": 0})

        def answer(self, value: Any) -> None:
            self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def missing(self, why: str) -> None:
            self.send(404, b"{}", {"X-Error-Code": why})

        def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sha(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
