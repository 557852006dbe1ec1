package compose

import (
	"strings"
	"testing"
)

// What versions of compose say, with secrets in the places where they quote the files.
func TestRedactSaid(t *testing.T) {
	for said, want := range map[string]string{
		`failed to read /srv/chatalot/.env: line 3: unexpected character "-" in variable name "SMTP-PASSWORD=hunter2"`:                                                      `failed to read /srv/chatalot/.env: line 3: unexpected character "-" in variable name SMTP-PASSWORD=***`,
		`unexpected character "-" in variable name near "SMTP-PASSWORD=hunter2\nJWT_SECRET=hunter2\nA`:                                                                      `unexpected character "-" in variable name near SMTP-PASSWORD=***`,
		`line 9: unexpected character "+" in variable name "hunter2MIIEow+/AAKCAQEA=="`:                                                                                     `line 9: unexpected character "+" in variable name ***`,
		`line 4: unexpected character " " in variable name "hunter2 is it: yes"`:                                                                                            `line 4: unexpected character " " in variable name ***`,
		`failed to read /srv/chatalot/.env: line 7: unterminated quoted value "hunter2 and more`:                                                                            `failed to read /srv/chatalot/.env: line 7: unterminated quoted value ***`,
		"unterminated quoted value 'hunter2\nJWT_SECRET=hunter2":                                                                                                            `unterminated quoted value ***`,
		"invalid interpolation format for services.chatalot.environment.DATABASE_URL.\nYou may need to escape any $ with another $.\npostgres://chat:hunter2$@db:5432/chat": `invalid interpolation format for services.chatalot.environment.DATABASE_URL. You may need to escape any $ with another $. ***`,
		"invalid interpolation format for services.a.environment.B. You may need to escape any $ with another $. ${hunter2!} more":                                          `invalid interpolation format for services.a.environment.B. You may need to escape any $ with another $. ***`,
		`invalid interpolation format for services.a.command.[]: "hunter2 ${". You may need to escape any $ with another $.`:                                                `invalid interpolation format for services.a.command.[] You may need to escape any $ with another $. ***`,
		`invalid interpolation format for services.a.image: "required variable TAG is missing a value: hunter2". You may need to escape any $ with another $.`:              `invalid interpolation format for services.a.image: required variable TAG is missing a value`,
		`error while interpolating services.web.environment.A: required variable DB_PASSWORD is missing a value: set it`:                                                    `error while interpolating services.web.environment.A: required variable DB_PASSWORD is missing a value: set it`,
		`time="2026-11-23T20:00:00Z" level=warning msg="The \"hunter2\" variable is not set. Defaulting to a blank string." yaml: line 5: did not find expected key`:        `warning: The *** variable is not set. Defaulting to a blank string. yaml: line 5: did not find expected key`,
		`WARN[0000] The "hunter2" variable is not set. Defaulting to a blank string.`:                                                                                       `WARN[0000] The *** variable is not set. Defaulting to a blank string.`,
		"yaml: unmarshal errors:\n  line 3: cannot unmarshal !!str `hunter2` into map[string]interface {}":                                                                  "yaml: unmarshal errors:\n  line 3: cannot unmarshal !!str *** into map[string]interface {}",
		`1 error(s) decoding: * 'environment[0]' expected type 'string', got unconvertible type 'map[string]interface {}', value: 'map[JWT_SECRET:hunter2]'`:                `1 error(s) decoding: * 'environment[0]' expected type 'string', got unconvertible type ***, value: ***`,
		`failed to cast to expected type: strconv.ParseBool: parsing "hunter2": invalid syntax`:                                                                             `failed to cast to expected type: strconv.ParseBool: parsing ***: invalid syntax`,
		`invalid template: "${hunter2"`:                                                                        `invalid template: ***`,
		`services.web.build https://hunter2@git.example/web.git: context not found`:                            `services.web.build https://***@git.example/web.git: context not found`,
		`service "web" refers to undefined volume data: invalid compose project`:                               `service "web" refers to undefined volume data: invalid compose project`,
		`service "web" has neither an image nor a build context specified: invalid compose project`:            `service "web" has neither an image nor a build context specified: invalid compose project`,
		`env file /srv/chatalot/.env not found: stat /srv/chatalot/.env: no such file or directory`:            `env file /srv/chatalot/.env not found: stat /srv/chatalot/.env: no such file or directory`,
		`validating /srv/chatalot/docker-compose.yml: services.web additional properties 'imagee' not allowed`: `validating /srv/chatalot/docker-compose.yml: services.web additional properties 'imagee' not allowed`,
		`yaml: line 12: mapping values are not allowed in this context`:                                        `yaml: line 12: mapping values are not allowed in this context`,
		`unknown flag: --no-such`: `unknown flag: --no-such`,
		"":                        "",
	} {
		got := RedactMessage(said)
		if got != want || strings.Contains(got, "hunter2") {
			t.Errorf("%q\n got %q\nwant %q", said, got, want)
		}
	}
}

// However much of a sentence is there, what it quotes is not.
func TestRedactSaidOfACutSentence(t *testing.T) {
	for _, said := range []string{
		`line 3: unexpected character "-" in variable name "SMTP-PASSWORD=hunter2"`,
		`line 7: unterminated quoted value "hunter2 and more`,
		"invalid interpolation format for services.a.environment.B.\nYou may need to escape any $ with another $.\npostgres://chat:hunter2$@db/chat",
	} {
		for n := range len(said) {
			if got := RedactMessage(said[:n]); strings.Contains(got, "hunter") {
				t.Errorf("%q shows %q", said[:n], got)
			}
		}
	}
}
