package pgarchive

import (
	"regexp"
	"slices"
	"strings"
)

// rolesOf are the roles that an entry needs where pg_restore makes no database itself, and
// gives objects to their owners and privileges to whom they had been granted.
func rolesOf(tag, what, define, remove, owner string) []string {
	if what == "DATABASE" || what == "DATABASE PROPERTIES" || strings.HasPrefix(tag, "DATABASE ") {
		return nil // of the database, which is made otherwise
	}
	var roles []string
	if owner != "" && remove != "" { // what cannot be removed by itself is given to nobody
		roles = append(roles, owner)
	}
	switch what {
	case "ACL", "DEFAULT ACL":
		for _, s := range statements(define) {
			roles = append(roles, grantees(s)...)
		}
	case "POLICY", "USER MAPPING":
		for _, s := range statements(define) {
			after := "to"
			if what == "USER MAPPING" {
				after = "for"
			}
			if i := s.index(0, after); i >= 0 {
				roles = append(roles, s.names(i+1)...)
			}
		}
	}
	return roles
}

// grantees are the roles of a GRANT, a REVOKE, or of what stands before one.
func grantees(s statement) []string {
	var roles []string
	if i := s.index(0, "session", "authorization"); i >= 0 {
		roles = append(roles, s.names(i+2)...)
	}
	if i := s.index(0, "for", "role"); i >= 0 {
		roles = append(roles, s.names(i+2)...)
	}
	last := -1
	for i := range s {
		if s[i].is("to") || s[i].is("from") {
			last = i
		}
	}
	if last >= 0 {
		roles = append(roles, s.names(last+1)...)
	}
	return roles
}

// A word of SQL: a name as it is meant, or a sign.
type word struct {
	text   string
	quoted bool
}

func (w word) is(keyword string) bool { return !w.quoted && w.text == keyword }

type statement []word

// wordPattern is a text, a quoted name, a name or number, or a sign.
var wordPattern = regexp.MustCompile(`'(?:[^']|\'\')*'|"(?:[^"]|"")*"|[\pL_][\pL\pN_$]*|\S`)

// statements takes SQL apart as far as it must be: pg_dump writes it, in few forms.
func statements(sql string) (all []statement) {
	var s statement
	for _, text := range wordPattern.FindAllString(sql, -1) {
		switch text[0] {
		case ';':
			all, s = append(all, s), nil
		case '"':
			s = append(s, word{strings.ReplaceAll(text[1:len(text)-1], `""`, `"`), true})
		case '\'':
			s = append(s, word{text, true})
		default:
			s = append(s, word{strings.ToLower(text), false})
		}
	}
	return append(all, s)
}

// index is where keywords stand one after the other, -1 for nowhere.
func (s statement) index(from int, keywords ...string) int {
	for i := from; i+len(keywords) <= len(s); i++ {
		if !slices.ContainsFunc(keywords, func(k string) bool { return !s[i+slices.Index(keywords, k)].is(k) }) {
			return i
		}
	}
	return -1
}

// notRoles stand where a role may.
var notRoles = []string{"public", "current_user", "current_role", "session_user", "default", "user"}

// names is the list of roles that begins at a word.
func (s statement) names(i int) (roles []string) {
	for ; i < len(s); i += 2 {
		if w := s[i]; w.quoted || !slices.Contains(notRoles, w.text) {
			roles = append(roles, w.text)
		}
		if i+1 >= len(s) || !s[i+1].is(",") {
			break
		}
	}
	return roles
}
