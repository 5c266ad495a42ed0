"""Loopback stand-ins: an ATS server that replays board files, an OpenAI-compatible server with a journal."""
