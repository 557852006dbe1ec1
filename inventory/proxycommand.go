package inventory

import "strings"

// jumpOf returns the hop of a ProxyCommand that does no more than to call ssh for a jump,
// as was written before there was ProxyJump: "ssh -W %h:%p gate". Options that change who
// is called, or with what keys, are not followed here.
func jumpOf(command string) (hop string, ok bool) {
	words, err := sshWords(command)
	if err != nil || len(words) > 0 && words[0] == "exec" {
		words = words[min(1, len(words)):]
	}
	if err != nil || len(words) == 0 || words[0] != "ssh" && words[0] != "/usr/bin/ssh" {
		return "", false
	}
	var user, port, target string
	for i := 1; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "2>/dev/null" && i == len(words)-1:
		case strings.HasPrefix(word, "-") && len(word) > 1 && strings.Trim(word[1:], "qxaTnNv") == "":
		case strings.HasPrefix(word, "-") && len(word) > 1:
			value := map[byte]*string{'W': &target, 'l': &user, 'p': &port}[word[1]]
			if value == nil || *value != "" {
				return "", false
			}
			if *value = word[2:]; *value == "" {
				if i++; i == len(words) {
					return "", false
				}
				*value = words[i]
			}
		case hop == "" && !strings.ContainsAny(word, "$`;|&<>()*?'\"\\"):
			hop = word
		default:
			return "", false
		}
	}
	if target != "%h:%p" && target != "[%h]:%p" || hop == "" || strings.Contains(hop, ",") {
		return "", false
	}
	if user != "" && !strings.Contains(hop, "@") {
		hop = user + "@" + hop
	}
	if port != "" {
		hop += ":" + port
	}
	_, err = parseHop(strings.NewReplacer("%h", "h", "%n", "h", "%r", "r", "%p", "22").Replace(hop))
	return hop, err == nil
}
