# registryd and registry-cli in one small image.
#
#   docker build -t registryd .
#   docker run -d --name registryd -p 127.0.0.1:7400:7400 -v registry:/var/lib/registryd registryd
#   docker exec registryd registry-cli status
#
# The same image serves as a sidecar: docker run registryd registry-cli sidecar --config FILE. docs/containers.md says more.
# --insecure: whoever reaches the ports may use them, so publish them on a network that is trusted.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY deploy/install-packages.sh deploy/
RUN deploy/install-packages.sh
COPY . .
RUN cmake --preset release \
 && cmake --build --preset release --target registryd registry-cli \
 && mkdir -p /out/bin \
 && cp build/release/bin/registryd build/release/bin/registry-cli /out/bin/ \
 && strip /out/bin/* \
 # The packages whose libraries the two programs load, so that the list is never written by hand.
 && ldd /out/bin/* | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u | xargs -n1 readlink -f \
    | xargs -n1 -I{} sh -c 'dpkg -S {} || dpkg -S "${1#/usr}"' - {} | sed 's/:.*//' | sort -u >/out/packages

FROM debian:bookworm-slim
COPY --from=build /out/packages /tmp/packages
RUN apt-get update -qq \
 && xargs -a /tmp/packages apt-get install -y -qq --no-install-recommends \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /tmp/packages \
 && groupadd --system --gid 7400 registryd \
 && useradd --system --uid 7400 --gid 7400 --home-dir /var/lib/registryd --shell /usr/sbin/nologin registryd \
 && install -d -o registryd -g registryd -m 0700 /var/lib/registryd
COPY --from=build /out/bin/ /usr/local/bin/
USER registryd
# Flags and a file that REGISTRYD_CONFIG names are stronger or weaker as everywhere; these are the container's defaults.
ENV REGISTRYD_DATA_DIR=/var/lib/registryd/data \
    REGISTRYD_LISTEN=0.0.0.0:7400 \
    REGISTRYD_PEER_LISTEN=0.0.0.0:7401 \
    REGISTRYD_HTTP_LISTEN=0.0.0.0:7402 \
    REGISTRYD_INSECURE=true
VOLUME /var/lib/registryd
EXPOSE 7400 7401 7402
# The node answers for itself; a node that waits for a leader is healthy.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["registry-cli", "--server", "127.0.0.1:7400", "--timeout", "4s", "status"]
# registryd blocks its signals and waits for them, so it needs no init as process 1.
CMD ["registryd"]
