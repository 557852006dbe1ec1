package container

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// Template is what two containers are compared by: for docker inspect -f, one field a
// line. A document of the engine has its fields by name in there, known to the docker
// command or not: "index" on a Go value fails, and the command falls back on the bare
// document. Left out is what differs for the very same container: ids, addresses, the
// host name that is the id or another's, and how the image is called.
const Template = `{{$id := printf "%.12s" (index . "Id")}}{{$shared := eq (printf "%.10s" .HostConfig.NetworkMode) "container:" -}}
Image {{json .Image}}
{{range $k, $v := .Config}}{{if or (eq $k "Image") (and (eq $k "Hostname") (or $shared (eq (printf "%s" $v) $id))) (and $shared (or (eq $k "Domainname") (eq $k "ExposedPorts")))}}{{else}}Config.{{$k}} {{json $v}}
{{end}}{{end}}{{range $k, $v := .HostConfig}}{{if eq $k "Binds"}}{{range $v}}HostConfig.Binds {{json .}}
{{end}}{{else if eq $k "Mounts"}}{{range $v}}HostConfig.Mounts {{json (index . "Target")}} {{json (index . "Type")}} {{json (index . "ReadOnly")}} {{json (index . "BindOptions")}} {{json (index . "VolumeOptions")}} {{json (index . "TmpfsOptions")}}
{{end}}{{else}}HostConfig.{{$k}} {{json $v}}
{{end}}{{end}}{{range .Mounts}}Mounts {{json .Type}} {{json (index . "Name")}} {{if ne .Type "volume"}}{{json (index . "Source")}} {{end}}{{json .Destination}} rw={{json .RW}} {{json (index . "Propagation")}}
{{end}}{{range $n, $e := .NetworkSettings.Networks}}Networks.{{$n}} in
Networks.{{$n}}.IPAMConfig {{json (index $e "IPAMConfig")}}
Networks.{{$n}}.DriverOpts {{json (index $e "DriverOpts")}}
Networks.{{$n}}.GwPriority {{json (index $e "GwPriority")}}
{{range (index $e "Links")}}Networks.{{$n}}.Links {{json .}}
{{end}}{{range (index $e "Aliases")}}{{if ne . $id}}Networks.{{$n}}.Aliases {{json .}}
{{end}}{{end}}{{end}}`

// saysNothing are the lines that are not compared: without a value, since an engine tells
// nothing, null or an empty list as it likes; and a nameless volume that is asked for by
// the name that it has, as it is after the first time. Where it is mounted is compared.
// container.sh has the same expression.
var saysNothing = regexp.MustCompile(`^[^ ]* (null|\[\]|\{\}|""|0|false)$|^HostConfig\.Binds "[0-9a-f]{64}:`)

// fields is what Template prints of the container, with the placeholder in the place of
// the server's id, sorted and without what says nothing.
func (r *recorder) fields(whole json.RawMessage) ([]byte, error) {
	var told map[string]any
	dec := json.NewDecoder(bytes.NewReader(whole))
	dec.UseNumber()
	if err := dec.Decode(&told); err != nil {
		return nil, err
	}
	t, err := template.New("fields").Funcs(template.FuncMap{"json": printJSON}).Option("missingkey=error").Parse(Template)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	if err := t.Execute(&out, told); err != nil {
		return nil, err
	}
	all := out.String()
	if r.server != "" {
		all = strings.ReplaceAll(all, r.server, "@SERVER@")
	}
	lines := strings.Split(strings.TrimSuffix(all, "\n"), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool {
		return line == "" || saysNothing.MatchString(line)
	})
	slices.Sort(lines)
	return []byte(strings.Join(lines, "\n") + "\n"), nil
}

func printJSON(v any) (string, error) {
	data, err := encode(v)
	return string(data), err
}
