"""uvicorn's connections, made to end whatever their clients do."""
