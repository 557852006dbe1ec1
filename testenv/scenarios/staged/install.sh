# Leaves what an unfinished move to managed updates has: the server's secrets
# as files, the updater's touched and never filled, a user who owns them all
# because he copied them here.
set -eu
umask 077
mkdir secrets
openssl genpkey -quiet -algorithm ed25519 -out secrets/jwt_private.pem
openssl pkey -in secrets/jwt_private.pem -pubout -out secrets/jwt_public.pem
printf %s "$(openssl rand -hex 16)" >secrets/db_password
printf %s "$(openssl rand -hex 32)" >secrets/totp_encryption_key
touch secrets/updater_token secrets/cosign_pub secrets/registry_creds
chmod 0755 secrets
chmod 0644 secrets/*
chown -R 1000:1000 secrets
{
	printf 'DB_PASSWORD=%s\n' "$(cat secrets/db_password)"
	printf 'PUBLIC_URL=https://chat.example.com\n'
} >.env
chmod 0600 .env
cat >Dockerfile.updater <<'END'
FROM scratch
ADD rootfs.tar /
END
