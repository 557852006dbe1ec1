# Leaves what a working public install has: the passwords in .env, readable by
# root alone; the pair of signing keys as files the server's user can read.
set -eu
umask 077
{
	printf '# Written once by the installer. Keep a copy.\n'
	printf 'DB_PASSWORD=%s\n' "$(openssl rand -hex 16)"
	printf 'TOTP_ENCRYPTION_KEY=%s\n' "$(openssl rand -hex 32)"
	printf 'PUBLIC_URL=https://chat.example.com\n'
	printf 'ADMIN_USERNAME=user1\n'
	printf 'REGISTRATION_MODE=invite_only\n'
} >.env
mkdir secrets
openssl genpkey -quiet -algorithm ed25519 -out secrets/jwt_private.pem
openssl pkey -in secrets/jwt_private.pem -pubout -out secrets/jwt_public.pem
chmod 0755 secrets
chmod 0600 secrets/jwt_private.pem
chmod 0644 secrets/jwt_public.pem
chown 999:999 secrets/jwt_private.pem secrets/jwt_public.pem
