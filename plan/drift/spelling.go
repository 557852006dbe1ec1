package drift

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How the two documents spell one thing, and the form that both are brought to.

func mapping(v any) map[string]any { m, _ := v.(map[string]any); return m }

func list(v any) []any { l, _ := v.([]any); return l }

func lookup(v map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		v = mapping(v[k])
	}
	return v
}

// text is a scalar as text, "" for nothing.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool, int64:
		return fmt.Sprint(v)
	}
	return ""
}

// stringsOf returns the strings of a list, or the one that stands in its place.
func stringsOf(v any) []string {
	if one, ok := v.(string); ok && one != "" {
		return []string{one}
	}
	var out []string
	for _, item := range list(v) {
		out = append(out, text(item))
	}
	return out
}

func each(all []string, change func(string) string) []string {
	var out []string
	for _, v := range all {
		out = append(out, change(v))
	}
	return out
}

// joinSorted joins what has no order.
func joinSorted(all []string) string {
	all = slices.Clone(all)
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// sentence joins words that have an order. One empty word is how a client says none.
func sentence(all []string) string {
	if len(all) == 0 || len(all) == 1 && all[0] == "" {
		return unset
	}
	return strings.Join(each(all, quoteWord), " ")
}

// quoteWord quotes what would not be read back as one word.
func quoteWord(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\r\n\"'\\") {
		return strconv.Quote(s)
	}
	return s
}

func quoted(v string) string { return strconv.Quote(v) }

// variables are those of KEY=value entries. One without a value is not set.
func variables(env []string) map[string]string {
	out := map[string]string{}
	for _, e := range env {
		key, value, ok := strings.Cut(e, "=")
		if !ok {
			delete(out, key)
			continue
		}
		out[key] = value
	}
	return out
}

// ownLabel reports whether a label is a note of Compose's or of Docker Desktop's.
func ownLabel(key string) bool {
	return strings.HasPrefix(key, "com.docker.compose.") || strings.HasPrefix(key, "desktop.docker.io/")
}

func cleaned(p string) string {
	if p == "" {
		return ""
	}
	return path.Clean(p)
}

func truth(v any) string {
	if v == true {
		return "true"
	}
	return unset
}

func flag(v *bool) string { return truth(v != nil && *v) }

// restart is a policy, with how often where it has a limit.
func restart(policy, attempts string) string {
	switch policy {
	case "", "no", "none", "false":
		return unset
	case "any":
		policy = "always"
	}
	if policy == "on-failure" && attempts != "" && attempts != "0" {
		policy += ":" + attempts
	}
	return policy
}

func networkMode(mode string) string {
	if mode == "default" {
		return "bridge"
	}
	return mode
}

// nameless is a volume whose name the engine made up; Compose carries it over to the
// next container.
const nameless = "volume without a name"

func mount(kind, source, subpath string, readOnly bool) string {
	out := kind + " " + source
	if subpath != "" {
		out += " subpath " + subpath
	}
	if readOnly {
		out += " read-only"
	}
	return out
}

// memory is a mount of type tmpfs.
func memory(size, mode any) string {
	out := "tmpfs"
	if n := bytes(text(size)); n != "" {
		out += " size=" + n
	}
	if n := number(text(mode)); n != "" {
		out += " mode=" + n
	}
	return out
}

// tmpfs are the options of one in the short form.
func tmpfs(options string) string {
	var out []string
	for _, o := range strings.Split(options, ",") {
		key, value, _ := strings.Cut(o, "=")
		switch {
		case key == "size" && !strings.HasSuffix(value, "%"):
			o = "size=" + cmp.Or(bytes(value), value)
		case key == "mode":
			o = "mode=" + strings.TrimLeft(value, "0")
		}
		if o != "" {
			out = append(out, o)
		}
	}
	return strings.TrimSpace("tmpfs " + joinSorted(out))
}

// publication is where a port is published.
func publication(ip, port string) string {
	switch ip {
	case "0.0.0.0":
		ip = ""
	case "":
	default:
		ip = "[" + strings.Trim(ip, "[]") + "]"
	}
	if port == "" || port == "0" {
		port = "any"
	}
	return strings.TrimPrefix(ip+":"+port, ":")
}

func capability(c string) string { return strings.TrimPrefix(strings.ToUpper(c), "CAP_") }

// securityOption is one with "=" between its name and its value. A profile of seccomp
// is a file for Compose and its contents for the engine.
func securityOption(opt string) string {
	name, value, ok := strings.Cut(opt, "=")
	if !ok {
		name, value, ok = strings.Cut(opt, ":")
	}
	switch {
	case name == "no-new-privileges" && (!ok || value == "true"):
		return name
	case name == "seccomp" && value != "unconfined" && value != "builtin":
		return "seccomp=profile"
	case !ok:
		return name
	}
	return name + "=" + value
}

// device is SOURCE:TARGET:MODE, as a text or a mapping.
func device(v any) (source, target, mode string) {
	if o := mapping(v); o != nil {
		source, target, mode = text(o["source"]), text(o["target"]), text(o["permissions"])
	} else {
		parts := append(strings.Split(text(v), ":"), "", "")
		source, target, mode = parts[0], parts[1], parts[2]
	}
	return source, cmp.Or(target, source), cmp.Or(mode, "rwm")
}

// hosts are entries of extra_hosts, as a list or a mapping.
func hosts(v any) []string {
	var out []string
	for name, ip := range mapping(v) {
		for _, one := range stringsOf(ip) {
			out = append(out, hostEntry(name+"="+one))
		}
	}
	for _, item := range list(v) {
		out = append(out, hostEntry(text(item)))
	}
	return out
}

// hostEntry is NAME=ADDRESS.
func hostEntry(entry string) string {
	i := strings.IndexAny(entry, "=:")
	if i < 0 {
		return entry
	}
	return entry[:i] + "=" + strings.Trim(entry[i+1:], "[]")
}

// signal is a name without SIG; the one that is the default is left out.
func signal(s string) string {
	s = strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if s == "TERM" || s == "15" {
		return unset
	}
	return s
}

// seconds are those of a duration; ten are the default of stopping.
func seconds(s string) string {
	d, err := time.ParseDuration(s)
	if err != nil {
		return s
	}
	if n := int64(d / time.Second); n != 10 {
		return strconv.FormatInt(n, 10) + "s"
	}
	return unset
}

// bytes are a size, with or without a unit.
func bytes(s string) string {
	units := map[byte]int64{'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30, 't': 1 << 40}
	low := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), "b"), "i")
	if low == "" {
		return unset
	}
	factor, ok := units[low[len(low)-1]]
	if !ok {
		factor = 1
	} else {
		low = low[:len(low)-1]
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(low), 64)
	if err != nil {
		return s
	}
	return number(strconv.FormatInt(int64(n*float64(factor)), 10))
}

// number leaves a zero out: to the engine it is the same as nothing.
func number(s string) string {
	if s == "0" {
		return unset
	}
	return s
}

// positive leaves out what means without a limit.
func positive(s string) string {
	if strings.HasPrefix(s, "-") {
		return unset
	}
	return number(s)
}

// cpus are to a billionth, as the engine keeps them.
func cpus(s string) string {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return number(strconv.FormatFloat(float64(int64(n*1e9))/1e9, 'f', -1, 64))
}

// microseconds are a number of them, or a duration.
func microseconds(s string) string {
	if d, err := time.ParseDuration(s); err == nil && s != "0" {
		return strconv.FormatInt(d.Microseconds(), 10)
	}
	return number(s)
}
