"""The library as tools of a model: a server of the Model Context Protocol, over stdio or HTTP."""
