"""The backend of mode ``apple``: the on-device model of macOS 26, through ``apple-fm-sdk``.

``backend`` is the backend and ``answer`` the course of one answer. ``thread`` keeps the SDK
off the agent's event loop, ``sdk`` finds and imports it, ``spelling`` and ``schema`` say what
it is given, ``snapshots`` turns what it gives into pieces, ``faults`` its errors into ours.
"""
