package report

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

//go:embed texts/*.json
var textFiles embed.FS

// English is the language of the client's pages where no other is asked for.
const English = "en"

// Languages are those of the client's pages: each is a file in texts/.
func Languages() []string {
	entries, err := textFiles.ReadDir("texts")
	if err != nil {
		return nil
	}
	var list []string
	for _, e := range entries {
		list = append(list, strings.TrimSuffix(e.Name(), ".json"))
	}
	return list
}

// Title is what a page about one client or host is called, "" for several.
func Title(lang, name string) (string, error) {
	t, err := readTexts(lang)
	if err != nil {
		return "", err
	}
	if name == "" {
		return t.say("title.many"), t.err
	}
	return t.say("title", "name", name), t.err
}

// texts are the sentences of a language. The first one that is missing is kept as the error.
type texts struct {
	lang      string
	sentences map[string]string
	err       error
}

func readTexts(lang string) (*texts, error) {
	if lang == "" {
		lang = English
	}
	if !slices.Contains(Languages(), lang) {
		return nil, fmt.Errorf("there are no texts in %q, only in %s", lang, strings.Join(Languages(), ", "))
	}
	data, err := textFiles.ReadFile("texts/" + lang + ".json")
	t := &texts{lang: lang}
	if err == nil {
		err = json.Unmarshal(data, &t.sentences)
	}
	if err != nil {
		return nil, fmt.Errorf("read the texts in %q: %w", lang, err)
	}
	return t, nil
}

// say is a sentence, with the values of the names in its braces.
func (t *texts) say(key string, values ...string) string {
	s, ok := t.sentences[key]
	if !ok && t.err == nil {
		t.err = fmt.Errorf("the texts in %q lack %q", t.lang, key)
	}
	pairs := make([]string, 0, len(values))
	for i := 0; i+1 < len(values); i += 2 {
		pairs = append(pairs, "{"+values[i]+"}", values[i+1])
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// duration is one in units that are the same in every language.
func (t *texts) duration(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 59950*time.Millisecond:
		return strings.Replace(fmt.Sprintf("%.1f s", d.Seconds()), ".", t.say("decimal"), 1)
	case d < time.Hour-500*time.Millisecond:
		s := int(d.Round(time.Second).Seconds())
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	m := int(d.Round(time.Minute).Minutes())
	return fmt.Sprintf("%d h %d min", m/60, m%60)
}
