"""The processes of a server: the supervisor, the restarts of its children, the publisher and the web workers."""
