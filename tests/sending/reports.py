"""Reports as mail servers and providers write them (RFC 3464, RFC 5965); all of our own making."""

from __future__ import annotations


def bounce(
    *,
    to: str = "papers@example.org",
    status: str = "5.1.1",
    action: str = "failed",
    original: str = "<none@example.org>",
    recipient: str = "ada@example.org",
    said: str = "smtp; 550 5.1.1 user unknown",
) -> bytes:
    """A delivery report that came to `to`, about a message with the Message-ID `original`."""
    return f"""Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="edge"

--edge
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--edge
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
Arrival-Date: Sat, 21 Nov 2026 06:00:00 +0000

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.net
Diagnostic-Code: {said}

--edge
Content-Type: message/rfc822

From: Broadsheet <papers@example.org>
Message-ID: {original}
Subject: Kites

Up they go.

--edge--
""".replace("\n", "\r\n").encode()


def complaint(*, original: str, kind: str = "abuse", to: str = "papers@example.org") -> bytes:
    """What a provider sends when somebody presses the button."""
    return f"""From: <abuse@provider.example>
To: {to}
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="edge"

--edge
Content-Type: text/plain

This is an email abuse report.

--edge
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Rcpt-To: <redacted@provider.example>

--edge
Content-Type: text/rfc822-headers

From: Broadsheet <papers@example.org>
Message-ID: {original}

--edge--
""".replace("\n", "\r\n").encode()


VACATION = b"""To: papers@example.org
From: ada@example.org
Subject: Away until Monday
Auto-Submitted: auto-replied

I am flying kites.
"""
