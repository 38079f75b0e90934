ALTER TABLE "user" ADD CONSTRAINT user_team FOREIGN KEY (team_id) REFERENCES team (id);
