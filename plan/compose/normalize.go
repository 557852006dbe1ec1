package compose

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// levelService makes a service the same whatever version of Compose printed
// it. With `--no-interpolate` Compose leaves short forms as they are, too.
func levelService(s map[string]any) {
	for _, key := range []string{"command", "entrypoint"} {
		if s[key] == nil {
			delete(s, key)
		}
	}
	for _, key := range []string{"environment", "labels"} {
		if l, ok := s[key].([]any); ok {
			s[key] = settings(l)
		}
	}
	for _, key := range []string{"networks", "depends_on"} {
		if l, ok := s[key].([]any); ok {
			m := make(map[string]any, len(l))
			for _, name := range l {
				m[str(name)] = nil
			}
			s[key] = m
		}
	}
	for _, key := range []string{"secrets", "configs"} {
		for i, item := range list(s[key]) {
			if name, ok := item.(string); ok {
				list(s[key])[i] = map[string]any{"source": name}
				continue
			}
			levelSecret(mapping(item))
		}
	}
	for _, item := range list(s["volumes"]) {
		levelVolume(mapping(item))
	}
}

// settings makes a mapping of a list of KEY=value.
func settings(l []any) map[string]any {
	m := make(map[string]any, len(l))
	for _, item := range l {
		key, value, set := strings.Cut(str(item), "=")
		if m[key] = value; !set {
			m[key] = nil
		}
	}
	return m
}

func levelVolume(v map[string]any) {
	if bind := mapping(v["bind"]); bind != nil {
		delete(bind, "create_host_path") // 2.40 prints it, 5.1 does not
	}
	for _, key := range []string{"bind", "volume", "tmpfs"} {
		if m, ok := v[key].(map[string]any); ok && len(m) == 0 {
			delete(v, key)
		}
	}
}

func levelSecret(v map[string]any) {
	if n, ok := v["mode"].(json.Number); ok { // 2.26 prints 292, later ones "0444"
		if mode, err := strconv.ParseUint(n.String(), 10, 32); err == nil {
			v["mode"] = fmt.Sprintf("%04o", mode)
		}
	}
	if target, ok := v["target"].(string); ok {
		v["target"] = strings.TrimPrefix(target, "/run/secrets/")
	}
	if v["target"] == v["source"] {
		delete(v, "target")
	}
}
