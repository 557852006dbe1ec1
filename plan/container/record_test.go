package container

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	idSelf   = "aaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	idServer = "ccccccccccccddddddddddddddddddddddddddddddddddddddddddddddddddd0"
	idVolume = "eeeeeeeeeeeeffffffffffffffffffffffffffffffffffffffffffffffffffff"
	idImage  = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
)

// told is a container as docker inspect prints it, and its image.
func told(config, host, mounts, networks string) json.RawMessage {
	return json.RawMessage(`[{"Id":"` + idSelf + `","Name":"/talk","Image":"` + idImage + `","Config":{"Hostname":"` + idSelf[:12] + `","Image":"talk:1"` + config +
		`},"HostConfig":{` + host + `},"Mounts":[` + mounts + `],"NetworkSettings":{"Networks":{` + networks + `}}}]`)
}

const plainImage = `[{"Id":"` + idImage + `","Config":{"Entrypoint":["/run"],"Cmd":["serve"],"Volumes":{"/data":{}}}}]`

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		name, config, host, mounts, networks string

		server string
		body   string // of create, or of what is connected first
		file   string
		has    []string
		lacks  []string
	}{
		{name: "unknown fields survive", config: `,"Newer":{"a":[1.50]}`, host: `"NetworkMode":"bridge","Later":12345678901234567890`,
			has: []string{`"Newer":{"a":[1.50]}`, `"Later":12345678901234567890`, `"Image":"@IMAGE@"`}, lacks: []string{"Hostname"}},
		{name: "what looks like a placeholder is escaped", config: `,"Env":["A=@SERVER@ @IMAGE@ <&>"]`, host: `"NetworkMode":"host"`,
			has: []string{`"Env":["A=\u0040SERVER\u0040 \u0040IMAGE\u0040 <&>"]`}},
		{name: "an entrypoint taken away stays away", config: `,"Entrypoint":null,"Cmd":["x"]`, host: `"NetworkMode":"none"`, has: []string{`"Entrypoint":[""]`}},
		{name: "links as they are asked for", host: `"NetworkMode":"default","Links":["/db:/talk/database"]`, has: []string{`"Links":["db:database"]`}},
		{name: "nameless volumes keep their data", config: `,"Volumes":{"/data":{}}`, host: `"NetworkMode":"default","Binds":["v:/v"]`,
			mounts: `{"Type":"volume","Name":"` + idVolume + `","Destination":"/data","RW":false}`, has: []string{`"Binds":["v:/v","` + idVolume + `:/data:ro"]`}},
		{name: "nameless volumes of a mount", host: `"NetworkMode":"default","Mounts":[{"Type":"volume","Target":"/m","VolumeOptions":{"NoCopy":true}}]`,
			mounts: `{"Type":"volume","Name":"` + idVolume + `","Destination":"/m","RW":true}`, has: []string{`"Source":"` + idVolume + `"`, `"NoCopy":true`}, lacks: []string{`"Binds"`}},
		{name: "volumes lent by another", host: `"NetworkMode":"default","VolumesFrom":["` + idServer + `:ro","other"]`, server: idServer,
			mounts: `{"Type":"volume","Name":"` + idVolume + `","Destination":"/lent","RW":true}`, has: []string{`"VolumesFrom":["@SERVER@:ro","other"]`}, lacks: []string{idVolume}},
		{name: "namespaces of the server", config: `,"ExposedPorts":{"80/tcp":{}},"Domainname":"d"`, host: `"NetworkMode":"container:` + idServer + `","PidMode":"container:` + idServer + `","IpcMode":"container:other"`, server: idServer,
			has: []string{`"NetworkMode":"container:@SERVER@"`, `"PidMode":"container:@SERVER@"`, `"IpcMode":"container:other"`}, lacks: []string{"ExposedPorts", "Domainname", "Hostname"}},
		{name: "the host's own name", config: `,"Hostname":"machine"`, host: `"NetworkMode":"host","UTSMode":"host"`, lacks: []string{"Hostname"}},
		{name: "the first network", config: `,"MacAddress":"02:42:ac:99:00:01"`, host: `"NetworkMode":"front"`,
			networks: `"front":{"NetworkID":"n1","Aliases":["web","` + idSelf[:12] + `","web"],"IPAMConfig":{"IPv4Address":"10.0.0.9"},"IPAddress":"10.0.0.9","MacAddress":"02:42:ac:99:00:01","DNSNames":["x"]}`,
			has:      []string{`"EndpointsConfig":{"front":{"IPAMConfig":{"IPv4Address":"10.0.0.9"},"Aliases":["web"],"MacAddress":"02:42:ac:99:00:01"}}`}, lacks: []string{"DNSNames", "IPAddress"}},
		{name: "a further network", host: `"NetworkMode":"front"`, file: "talk.connect.1.json",
			networks: `"front":{},"back net":{"Aliases":["api"],"MacAddress":"02:42:0a:00:00:02","IPAMConfig":{},"GwPriority":7,"Links":["db:d"]}`,
			has:      []string{`{"Container":"@ID@","EndpointConfig":{"Links":["db:d"],"Aliases":["api"],"GwPriority":7}}`}},
		{name: "a further network by its name", host: `"NetworkMode":"front"`, file: "talk.record", networks: `"front":{},"back net":{}`,
			has: []string{"image " + idImage + "\n", "reference talk:1\n", "connect 1 back%20net\n", "\naside talk."}, lacks: []string{"disconnect"}},
		{name: "a network that was left", host: `"NetworkMode":"front"`, file: "talk.record", networks: `"back":{}`, has: []string{"connect 1 back\n", "disconnect front\n"}},
		{name: "fields", config: `,"Env":["A=1"],"Domainname":"","Tty":false`, host: `"NetworkMode":"container:` + idServer + `","Binds":["` + idVolume + `:/d","v:/v"]`, server: idServer, file: "talk.fields",
			has: []string{`Config.Env ["A=1"]` + "\n", `HostConfig.Binds "v:/v"` + "\n", `HostConfig.NetworkMode "container:@SERVER@"` + "\n", `Image "` + idImage + `"` + "\n"}, lacks: []string{"Tty", "Domainname", "Hostname", idVolume, "talk:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := c.config
			inspect := told(config, c.host, c.mounts, c.networks)
			files, err := Record(inspect, json.RawMessage(plainImage), c.server)
			if err != nil {
				t.Fatal(err)
			}
			if c.file == "" {
				c.file = "talk.create.json"
			}
			body := string(files[c.file])
			for _, s := range c.has {
				if !strings.Contains(body, s) {
					t.Errorf("%s lacks %s:\n%s", c.file, s, body)
				}
			}
			for _, s := range c.lacks {
				if strings.Contains(body, s) {
					t.Errorf("%s has %s:\n%s", c.file, s, body)
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	good := told("", `"NetworkMode":"bridge"`, "", "")
	for _, c := range []struct {
		name, inspect, image, server, want string
	}{
		{"two documents", `[{},{}]`, plainImage, "", "2 documents instead of one"},
		{"no document", `nonsense`, plainImage, "", "invalid character"},
		{"too long", strings.Repeat(" ", maxDocument+1), plainImage, "", "more than one document has"},
		{"a name that is none", strings.Replace(string(good), "/talk", "/../x", 1), plainImage, "", "is no name of a container"},
		{"an id that is none", strings.Replace(string(good), idSelf, "abc", 1), plainImage, "", "is no container id"},
		{"another image", string(good), `[{"Id":"sha256:other"}]`, "", "is described"},
		{"a server that is none", string(good), plainImage, "talk; rm", "is no container id"},
		{"bytes that are not told", string(told(`,"Env":["KEY=a`+"\ufffd"+`"]`, `"NetworkMode":"bridge"`, "", "")), plainImage, "", `"KEY" in Env holds bytes`},
	} {
		if _, err := Record(json.RawMessage(c.inspect), json.RawMessage(c.image), c.server); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// A record depends on nothing but what is recorded, or a crash would find another one.
func TestRecordIsTheSameEveryTime(t *testing.T) {
	inspect := told(`,"Labels":{"b":"1","a":"2"}`, `"NetworkMode":"front"`, "", `"z":{},"front":{},"y":{"Aliases":["b","a"]}`)
	one, err := Record(inspect, json.RawMessage(plainImage), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := Record(inspect, json.RawMessage(plainImage), "")
		if err != nil {
			t.Fatal(err)
		}
		for name := range one {
			if string(one[name]) != string(again[name]) {
				t.Fatalf("%s:\n%s\n%s", name, one[name], again[name])
			}
		}
	}
}

// Whatever is told, a body is JSON and holds no @ but those of the placeholders, and what
// the shell reads line by line holds nothing but its own words.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(told(`,"Env":["A=@ID@"]`, `"NetworkMode":"container:`+idServer+`","VolumesFrom":["`+idServer+`"]`, "", `"n":{"Aliases":["@"]}`)), []byte(plainImage))
	f.Add([]byte(told("", `"NetworkMode":"front"`, `{"Type":"volume","Name":"`+idVolume+`","Destination":"/data"}`, `"front":{},"b":{"Links":["a:b"]}`)), []byte(plainImage))
	marks := regexp.MustCompile(`@(IMAGE|ID|SERVER)@`)
	word := regexp.MustCompile(`^(image sha256:[0-9a-f]{64}|reference [!-~]+|connect [0-9]+ [!-~]+|disconnect [!-~]+|aside [a-zA-Z0-9_.-]+)$`)
	f.Fuzz(func(t *testing.T, inspect, image []byte) {
		files, err := Record(inspect, image, idServer)
		if err != nil {
			return
		}
		for name, data := range files {
			switch {
			case strings.HasSuffix(name, ".json"):
				if !json.Valid(data) || strings.Contains(marks.ReplaceAllString(string(data), ""), "@") {
					t.Errorf("%s: %s", name, data)
				}
			case strings.HasSuffix(name, ".record"):
				for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
					if !word.MatchString(line) {
						t.Errorf("%s: %q", name, line)
					}
				}
			case strings.HasSuffix(name, ".fields"):
				if lines := strings.Split(string(data), "\n"); !slices.IsSorted(lines[:len(lines)-1]) {
					t.Errorf("%s: not sorted: %q", name, lines)
				}
			}
		}
	})
}
