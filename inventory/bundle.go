package inventory

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxBundle bounds a bundle.json; real ones hold a few dozen short values.
const maxBundle = 1 << 20

// BundleFields says where in a bundle.json a value stands: "channel" might be at
// ".update.channel", an element of a list at ".hosts.0.name". The form of the
// file is the vendor's, and only the place of its instance's name is public, so
// nothing else is guessed.
type BundleFields map[string]string

// bundleKey takes one value of a bundle into a host.
type bundleKey func(env *environment, h *Host, text string) error

// bundleKeys are what can be taken from a bundle beside the registry's token,
// which never is.
var bundleKeys = map[string]bundleKey{
	"name": func(_ *environment, h *Host, text string) error {
		if h.Name = strings.ToLower(text); checkName(h.Name) != nil {
			return fieldErrorf("is no name: letters, digits, dot, dash and underscore, the first a letter or digit, %d at most", maxName)
		}
		return nil
	},
	"address":           into(parseAddress, func(h *Host, v string) { h.Address = v }),
	"port":              into(parsePort, func(h *Host, v int) { h.Port = v }),
	"user":              into(parseUser, func(h *Host, v string) { h.User = v }),
	"channel":           into(parseChannel, func(h *Host, v string) { h.Channel = v }),
	"version":           into(parseVersion, func(h *Host, v string) { h.Version = v }),
	"public_url":        into(parsePublicURL, func(h *Host, v string) { h.PublicURL = v }),
	"registry_address":  into(parseRegistryAddress, func(h *Host, v string) { h.Registry.Address = v }),
	"registry_username": into(parseText, func(h *Host, v string) { h.Registry.Username = v }),
	"client":            into(parseText, func(h *Host, v string) { h.Labels = map[string]string{"client": v} }),
}

// bundleToken is the field that is only looked at, to know that there is one.
const bundleToken = "registry_token"

func into[T any](parse func(*environment, string) (T, error), put func(*Host, T)) bundleKey {
	return func(env *environment, h *Host, text string) error {
		v, err := parse(env, text)
		if err == nil {
			put(h, v)
		}
		return err
	}
}

var bundlePath = regexp.MustCompile(`^(\.[A-Za-z0-9_$@-]+)+$`)

// ParseBundleFields reads KEY=PATH, each as in "channel=.update.channel", on top
// of what is known of a bundle.
func ParseBundleFields(pairs []string) (BundleFields, error) {
	known := slices.Sorted(maps.Keys(bundleKeys))
	known = append(known, bundleToken)
	fields := BundleFields{"name": ".instance_id"}
	given := map[string]bool{}
	for _, pair := range pairs {
		key, path, ok := strings.Cut(pair, "=")
		switch {
		case !ok || !bundlePath.MatchString(path):
			return nil, fmt.Errorf("a field of a bundle is written KEY=.PATH.TO.VALUE, as in channel=.update.channel, and not %q", pair)
		case !slices.Contains(known, key):
			return nil, fmt.Errorf("%q cannot be taken from a bundle: known are %s", key, strings.Join(known, ", "))
		case given[key]:
			return nil, fmt.Errorf("%s is given two paths; it has one", key)
		}
		given[key], fields[key] = true, path
	}
	return fields, nil
}

// FromBundles proposes one host per bundle.json, with the values that stand at
// the fields. Everything wrong with the files is in the error, an [Errors], which
// names places and never a value: a path that points at the token must not show it.
//
// The registry's token is written as a reference to a variable of the
// environment, and the notes say which. Where neither the bundle nor ssh_config
// says how a host is reached its address is one that leads nowhere.
func FromBundles(files []string, fields BundleFields, opts ...Option) ([]Proposal, error) {
	env := newSurroundings(".", opts)
	conf, errs := readSSHConfig(env)
	if len(errs) > 0 {
		return nil, errs
	}
	var hosts []Proposal
	from, variables := map[string]string{}, map[string]bool{}
	for _, file := range files {
		b, err := readBundle(file)
		if err != nil {
			errs = append(errs, &Error{File: file, Msg: err.Error()})
			continue
		}
		p, wrong := b.propose(env, fields)
		if len(wrong) > 0 {
			errs = append(errs, wrong...)
			continue
		}
		if other := from[p.Name]; other != "" {
			errs = append(errs, &Error{File: file, Key: fields["name"], Msg: "names the instance of " + other + " again", Hint: "one bundle per instance: leave the older one out"})
			continue
		}
		from[p.Name] = file
		p.settle(conf, b.has(fields[bundleToken]), variables)
		hosts = append(hosts, p)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return hosts, nil
}

// nowhere is an address that no name server ever answers for (RFC 2606).
const nowhere = "fill-in.invalid"

// settle adds what a bundle does not say.
func (p *Proposal) settle(conf *sshConfig, token bool, variables map[string]bool) {
	if p.Address == "" && !slices.ContainsFunc(conf.lookup(p.Name, beforehand{}).settings, func(s setting) bool { return s.key == "address" }) {
		p.Address = nowhere
		p.Notes = append(p.Notes, "FILL IN the address: neither the bundle nor ssh_config has it.")
	}
	if !token && p.Registry.Username == "" {
		return
	}
	name := variable(p.Name)
	for n := 2; variables[name]; n++ { // acme-eu and acme.eu
		name = variable(p.Name) + "_" + strconv.Itoa(n)
	}
	variables[name] = true
	p.Registry.Password = SecretRef{Scheme: SchemeEnv, Rest: name}
	p.Notes = append(p.Notes, "The registry token stays in the bundle: set "+name+" to it, or name another place.")
	if p.Registry.Username == "" {
		p.Notes = append(p.Notes, "FILL IN registry.username, here or in defaults: a token alone logs nobody in.")
	}
}

// variable names the variable of a host's token.
func variable(host string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, host)
	name = strings.ToUpper(name) + "_REGISTRY_TOKEN"
	if name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// A bundle is a file of the vendor's whose form is not known.
type bundle struct {
	file string
	root map[string]any
}

func readBundle(file string) (*bundle, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("is not a regular file")
	}
	if info.Size() > maxBundle {
		return nil, fmt.Errorf("is larger than %d KiB and no bundle", maxBundle>>10)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, withoutPath(err)
	}
	root, err := decodeObject(data)
	return &bundle{file, root}, err
}

// propose takes the values at the fields.
func (b *bundle) propose(env *environment, fields BundleFields) (p Proposal, errs Errors) {
	secret, _, _ := b.at(fields[bundleToken])
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		path := fields[key]
		text, hint, err := b.at(path)
		switch {
		case err != nil:
			errs = append(errs, &Error{File: b.file, Key: path, Msg: err.Error(), Hint: hint})
		case key == bundleToken:
		case secret != "" && strings.Contains(text, secret):
			errs = append(errs, &Error{File: b.file, Key: path, Msg: "holds the registry token, which never stands in an inventory"})
		default:
			if err := bundleKeys[key](env, &p.Host, text); err != nil {
				errs = append(errs, &Error{File: b.file, Key: path, Msg: "as " + key + " it " + err.Error()})
			}
		}
	}
	return p, errs
}

func (b *bundle) has(path string) bool {
	text, _, err := b.at(path)
	return err == nil && text != ""
}

// at returns the text or number at a path; the hint tells what is there instead.
func (b *bundle) at(path string) (text, hint string, err error) {
	var value any = b.root
	for _, step := range strings.Split(strings.TrimPrefix(path, "."), ".") {
		var next any
		switch in := value.(type) {
		case map[string]any:
			hint = "there are " + nameSome(slices.Sorted(maps.Keys(in)))
			next = in[step]
		case []any:
			hint = fmt.Sprintf("there is a list of %d", len(in))
			if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(in) {
				next = in[i]
			}
		default:
			hint = ""
		}
		if value = next; value == nil {
			return "", hint, fmt.Errorf("is not there")
		}
	}
	switch v := value.(type) {
	case string:
		return v, "", nil
	case number:
		return string(v), "", nil
	case map[string]any:
		return "", "it holds " + nameSome(slices.Sorted(maps.Keys(v))), fmt.Errorf("is no text and no number")
	}
	return "", "", fmt.Errorf("is no text and no number")
}

// nameSome lists keys of a stranger's file, not more than fit in a sentence.
func nameSome(keys []string) string {
	const most = 12
	var words []string
	for _, k := range keys[:min(len(keys), most)] {
		words = append(words, comment(k[:min(len(k), 40)]))
	}
	if len(keys) > most {
		words = append(words, fmt.Sprintf("%d more", len(keys)-most))
	}
	if len(words) == 0 {
		return "no keys"
	}
	return strings.Join(words, ", ")
}
