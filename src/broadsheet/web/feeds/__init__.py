"""Feeds: any list as RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1, one module a format."""
