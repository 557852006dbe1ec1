package pgarchive

import (
	"slices"
	"strings"
	"testing"
)

func TestRolesOfAnEntry(t *testing.T) {
	for _, tt := range []struct{ what, define, remove, owner, want string }{
		{"TABLE", "CREATE TABLE public.a ();\n", "DROP TABLE public.a;\n", "chatalot", "chatalot"},
		{"TABLE DATA", "", "", "chatalot", ""},
		{"ACL", "REVOKE ALL ON TABLE public.\"to\" FROM chatalot;\nGRANT SELECT ON TABLE public.\"to\" TO grafana;\n" +
			"GRANT SELECT(a) ON TABLE public.a TO \"read \"\"er\" WITH GRANT OPTION;\nGRANT ALL ON TABLE public.a TO PUBLIC;\n", "", "x", "chatalot grafana read \"er"},
		{"ACL", "SET SESSION AUTHORIZATION lender;\nGRANT SELECT ON TABLE public.a TO c;\nRESET SESSION AUTHORIZATION;\n", "", "x", "lender c"},
		{"DEFAULT ACL", "ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT ON TABLES TO Reader;\n", "", "owner", "owner reader"},
		{"POLICY", "CREATE POLICY p ON public.a FOR SELECT TO x, \"Y\" USING ((a = 'to z'::text));\n", "DROP POLICY p ON public.a;\n", "", "x Y"},
		{"POLICY", "CREATE POLICY p ON public.a USING (true);\n", "DROP POLICY p ON public.a;\n", "", ""},
		{"USER MAPPING", "CREATE USER MAPPING FOR far SERVER s OPTIONS (\n    \"user\" 'for me'\n);\n", "DROP USER MAPPING", "", "far"},
		{"DATABASE", "CREATE DATABASE x;", "DROP DATABASE x;", "somebody", ""},
		{"DATABASE PROPERTIES", "ALTER ROLE z IN DATABASE x SET a TO 'b';", "", "somebody", ""},
	} {
		if got := strings.Join(rolesOf("a", tt.what, tt.define, tt.remove, tt.owner), " "); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.what, tt.define, got, tt.want)
		}
	}
	if got := rolesOf("DATABASE chat", "ACL", "GRANT CONNECT ON DATABASE chat TO grafana;", "", ""); len(got) > 0 {
		t.Errorf("of the database: %q", got)
	}
	if got := (statement{{"a", false}, {"b", false}}).index(0, "b"); !slices.Equal([]int{got}, []int{1}) {
		t.Error(got)
	}
}
