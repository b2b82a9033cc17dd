"""The server: live sessions over WebSocket, files over HTTP, and the page; see docs/serving.md."""
