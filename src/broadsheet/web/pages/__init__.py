"""The pages, one file each: read the request, ask the catalogue, fill the template."""
