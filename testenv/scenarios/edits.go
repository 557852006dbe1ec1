package scenarios

import (
	"bytes"
	"regexp"
)

// The edits below know our own compose file and need not cope with others.

func withCRLF(compose []byte) []byte {
	return bytes.ReplaceAll(compose, []byte("\n"), []byte("\r\n"))
}

func withIndent4(compose []byte) []byte {
	return regexp.MustCompile(`(?m)^ +`).ReplaceAllFunc(compose, func(indent []byte) []byte {
		return bytes.Repeat(indent, 2)
	})
}

func withoutPorts(compose []byte) []byte {
	return bytes.Replace(compose, []byte("    ports:\n      - \"8080:8080\"\n"), nil, 1)
}

// withEnvList turns `KEY: value` under environment into `- KEY=value`.
func withEnvList(compose []byte) []byte {
	block := regexp.MustCompile(`(?m)^    environment:\n(?:      .*\n)+`)
	entry := regexp.MustCompile(`(?m)^      ([A-Z_]+): "?(.*?)"?$`)
	return block.ReplaceAllFunc(compose, func(env []byte) []byte {
		return entry.ReplaceAll(env, []byte("      - $1=$2"))
	})
}

// withHalfAnUpdater adds one of the two services, as an attempt that was
// interrupted leaves it.
func withHalfAnUpdater(compose []byte) []byte {
	const service = `  chatalot-socket-proxy:
    image: registry.seglamater.app/seglamater/docker-socket-proxy:0.3.0
    container_name: chatalot-socket-proxy
    restart: unless-stopped
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock:ro
    networks:
      - internal
    profiles:
      - updater

volumes:
  postgres_data:
`
	return bytes.Replace(compose, []byte("volumes:\n  postgres_data:\n"), []byte(service), 1)
}

// withAnchors moves what services share to the top of the file, as people do who
// have more than two of them.
func withAnchors(compose []byte) []byte {
	const logging = `    logging:
      driver: json-file
      options:
        max-file: "3"
        max-size: "10m"
`
	const shared = `x-logging: &logging
  driver: json-file
  options:
    max-file: "3"
    max-size: "10m"

x-limits: &limits
  MAX_FILE_SIZE_MB: "100"

services:
`
	compose = bytes.ReplaceAll(compose, []byte(logging), []byte("    logging: *logging\n"))
	compose = bytes.Replace(compose, []byte("      MAX_FILE_SIZE_MB: \"100\"\n"), []byte("      <<: *limits\n"), 1)
	return bytes.Replace(compose, []byte("services:\n"), []byte(shared), 1)
}
