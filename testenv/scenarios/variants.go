package scenarios

const overrideFile = "docker-compose.override.yml"

// reload makes the running stack follow its changed files, as the owner did.
// The database is left alone.
const reload = "docker compose up -d --no-build --no-deps chatalot"

// variants are the public layout after its owner, a script of the project, or
// an earlier attempt at this upgrade has been at it.
func variants(public Layout) []Scenario {
	return []Scenario{
		{
			Name: "traefik", Layout: public,
			Summary: "behind Traefik by an override file with labels and a network of its own",
			Change: Change{
				Write:  map[string]string{overrideFile: traefikOverride},
				Script: "docker network create web >/dev/null\n" + reload,
			},
		},
		{
			Name: "unpublished-port", Layout: public,
			Summary: "no port on the host: only another container can reach the server",
			Change:  Change{Edit: withoutPorts, Script: reload},
		},
		{
			Name: "other-port", Layout: public,
			Summary: "another port on the loopback, by an override file",
			Change:  Change{Write: map[string]string{overrideFile: otherPortOverride}, Script: reload},
		},
		{
			Name: "arm-override", Layout: public,
			Summary: "an override file replaces the image, and would replace a pin too",
			Change: Change{
				Write:  map[string]string{overrideFile: imageOverride},
				Script: "docker tag chatalot-chatalot " + overrideImage + "\n" + reload,
			},
		},
		{
			Name: "crlf", Layout: public,
			Summary: "compose file saved by a Windows editor",
			Change:  Change{Edit: withCRLF},
		},
		{
			Name: "indent4", Layout: public,
			Summary: "compose file indented by four",
			Change:  Change{Edit: withIndent4},
		},
		{
			Name: "env-list", Layout: public,
			Summary: "environment written as a list",
			Change:  Change{Edit: withEnvList},
		},
		{
			Name: "anchors", Layout: public,
			Summary: "shared settings in anchors, an alias for logging, a merge key in the environment",
			Change:  Change{Edit: withAnchors},
		},
		{
			Name: "compose-file", Layout: public,
			Summary: "two compose files that COMPOSE_FILE in .env names",
			Change: Change{
				Write:  map[string]string{prodFile: prodCompose},
				Script: "echo COMPOSE_FILE=" + ComposeFile + ":" + prodFile + " >>.env\n" + reload,
			},
		},
		{
			Name: "second-postgres", Layout: public,
			Summary: "another project's database runs on the same host",
			Change: Change{
				Write:  map[string]string{"../blog/" + ComposeFile: blogCompose},
				Script: "cd ../blog && docker compose up -d",
			},
		},
		{
			Name: "partial", Layout: public,
			Summary: "one of the two updater services is defined, the other is not",
			Change:  Change{Edit: withHalfAnUpdater},
		},
		{
			Name: "stopped", Layout: public, Stopped: true,
			Summary: "the server was stopped by hand; its database runs",
			Change:  Change{Script: "docker compose stop chatalot"},
		},
		{
			Name: "umask077", Layout: public,
			Summary: "every session starts with umask 077",
			Change: Change{Script: `for f in common-session common-session-noninteractive; do
	echo 'session optional pam_umask.so nousergroups umask=0077' >>/etc/pam.d/$f
done
echo 'Defaults umask=0077' >/etc/sudoers.d/umask`},
		},
		{
			Name: "mode0640", Layout: public,
			Summary: "compose file owned by the login user and closed to others",
			Change:  Change{Script: "chown deploy:deploy docker-compose.yml && chmod 0640 docker-compose.yml"},
		},
		{
			Name: "symlink", Layout: public,
			Summary: "compose file is a symbolic link into another folder",
			Change: Change{Script: `mkdir -p ../config
mv docker-compose.yml ../config/chatalot.yml
ln -s ../config/chatalot.yml docker-compose.yml`},
		},
	}
}

const traefikOverride = `services:
  chatalot:
    ports: !reset []
    labels:
      - traefik.enable=true
      - traefik.docker.network=web
      - traefik.http.routers.chatalot.rule=Host(` + "`chat.example.com`" + `)
      - traefik.http.routers.chatalot.entrypoints=websecure
      - traefik.http.routers.chatalot.tls.certresolver=letsencrypt
      - traefik.http.services.chatalot.loadbalancer.server.port=8080
    networks:
      - web

networks:
  web:
    external: true
`

const otherPortOverride = `services:
  chatalot:
    ports: !override
      - "127.0.0.1:9090:8080"
`

// overrideImage is a published build for another architecture; the host in it
// is never asked.
const overrideImage = "images.example.com/chatalot/chatalot:latest"

const imageOverride = `services:
  chatalot:
    image: ` + overrideImage + `
`

const prodFile = "docker-compose.prod.yml"

// prodCompose says something of its own about the server, but nothing about
// where its image comes from.
const prodCompose = `# What only the live server needs.
services:
  chatalot:
    environment:
      RUST_LOG: warn
    stop_grace_period: 20s
`

const blogCompose = `services:
  db:
    image: postgres:17
    container_name: blog-postgres
    restart: unless-stopped
    environment:
      POSTGRES_USER: blog
      POSTGRES_PASSWORD: blog
`
