package machine

// Sudo says what sudo does for a user.
type Sudo int

// The kinds.
const (
	SudoNever    Sudo = iota // the user is not in the sudoers file
	SudoFreely               // NOPASSWD
	SudoPassword             // with the user's password
)

// A User is an account.
type User struct {
	Name     string
	UID, GID int
	Home     string
	Sudo     Sudo
	Password string
	Keys     [][]byte // authorized keys, in wire form
}

// AddUser makes an account and its home folder. For setting a machine up.
func (m *Machine) AddUser(u User) {
	if u.Home == "" {
		u.Home = "/home/" + u.Name
	}
	for i := range m.users {
		if m.users[i].Name == u.Name {
			m.users[i] = u
			return
		}
	}
	m.users = append(m.users, u)
	m.MustMkdir(u.Home, 0o755, u.UID, u.GID)
}

// User finds an account by name.
func (m *Machine) User(name string) (User, bool) {
	for _, u := range m.users {
		if u.Name == name {
			return u, true
		}
	}
	return User{}, false
}

// UserByID finds an account by number.
func (m *Machine) UserByID(uid int) (User, bool) {
	for _, u := range m.users {
		if u.UID == uid {
			return u, true
		}
	}
	return User{}, false
}
