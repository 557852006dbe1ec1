# What the database has besides its content, as the catalog has it.
docker exec chatalot-db psql -At -U chatalot -d template1 -c "
select datdba::regrole, encoding, datcollate, datctype, to_jsonb(d)->>'datlocprovider', datconnlimit, (select array_agg(a::text order by a::text) from unnest(datacl) a) from pg_database d where datname = 'chatalot'" -c "
select setrole::regrole, setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase where datname = 'chatalot' order by 1" </dev/null
