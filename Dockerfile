# The image of `vigie`, for docker-compose.yml. Not run here: no Docker engine was at hand.
FROM python:3.11.13-slim-bookworm

# The folder of the simulated night belongs to the user, and with it the volume that is mounted there.
RUN useradd --create-home --uid 1000 vigie && install --directory --owner=vigie --group=vigie /data

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY detectors detectors
COPY streams streams
RUN pip install --no-cache-dir . && rm -rf /src/*

USER vigie
WORKDIR /data
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["vigie"]
CMD ["--help"]
