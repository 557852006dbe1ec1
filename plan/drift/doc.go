// Package drift compares a container with the one that Compose would make of its
// service now, field by field.
//
// Drift is what a recreate would carry out besides what it is for: a variable that was
// edited in .env and never applied, one that came from the shell that started the stack,
// another folder mounted in the same place. [Compare] reads two documents, the merged
// model ("docker compose config --format json") and what the engine says of container and
// image ("docker inspect"), brings both to one form and names each [Difference] by the
// key that the compose file has for it. It never asks Compose's own hash, whose meaning
// differs from one version to the next: 2.26 to 5.4 leave the contents of an env_file out
// of it, 2.26 hashes "network_mode: service:X" otherwise than it labels it.
//
// # Names
//
// A field is a key of the compose file, such as "command", or an entry of one:
// "environment.RUST_LOG", "volumes./app/data", "labels.KEY", "ports.8080/tcp",
// "networks.KEY" and "networks.KEY.aliases". Mounts go by their target whatever made
// them: secrets and configs from files are bind mounts.
//
// # What is no drift
//
// Where both sides mean the same, they are brought to the same form, or one is left out:
//
//   - the labels com.docker.compose.* (Compose's own notes: hash, image digest, files)
//     and desktop.docker.io/* (Docker Desktop's);
//   - order, where it means nothing: variables, labels, mounts, networks, capabilities,
//     options of security, groups, ports, ulimits;
//   - what comes from the image when files do not name it: ENV, CMD, ENTRYPOINT, USER,
//     WORKDIR, HEALTHCHECK, LABEL, VOLUME (a nameless volume), STOPSIGNAL;
//   - what an engine fills in when files do not name it: the log driver and its options,
//     the size of /dev/shm, ipc (private or shareable), cgroup (host or private), the
//     runtime, swap (twice the memory), the host name (the container's ID, also that of
//     an earlier one, which a panel copies);
//   - proxy variables that the docker client adds from its own config.json;
//   - labels and variables of the image that ran before, where another tool than Compose
//     made the container of a newer image with all that the old one had;
//   - "label=disable", which the engine adds for host namespaces;
//   - the container's own name and short ID among its aliases;
//   - equal spellings: "no" and no restart policy, "any" and "always"; NET_ADMIN and
//     CAP_NET_ADMIN; no-new-privileges with and without ":true", "=" and ":" between name
//     and value; "name=address" and "name:address" of a host; 0.0.0.0 and no address of a
//     published port; 64m and 67108864; 1m30s and 90s; a command for a shell and
//     CMD-SHELL; SIGTERM, TERM and 15; the defaults of health checks (30s, 3 retries) and
//     of stopping (SIGTERM, 10s) written out; $$ in the model and $ in the container;
//   - what acts on Compose or on the build and not on the container: build, depends_on,
//     profiles, pull_policy, scale, expose and the like (see ignored).
//
// What cannot be told is no drift either: [Report.Unknown] names it.
package drift
