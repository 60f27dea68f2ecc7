"""Models from the hub: what is there, and bringing it here. Does not make it visible.

``huggingface_hub`` knows the addresses, headers, redirects and errors. Its own file download
begins anew after a restart (https://github.com/huggingface/huggingface_hub/issues/4196) and
waits where nothing can end it, so the bytes are taken by a loop of ours, in a process that
can be killed at any time.
"""
