"""The same endpoints in Flask with Mozilla's Dockerflow extension: the peer of the web cases.

As in the Flask template that came before this one, each greeting has a line in the log, and each
summary has the query string.
"""

import json
import logging
import os
from logging.config import dictConfig

from dockerflow.flask import Dockerflow
from flask import Flask, jsonify, request
from sqlalchemy import String, create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

dictConfig(
    {
        "version": 1,
        "formatters": {
            "json": {"()": "dockerflow.logging.JsonLogFormatter", "logger_name": "flask"}
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "stream": "ext://sys.stdout",
            }
        },
        "loggers": {
            "web.api": {"handlers": ["console"], "level": "DEBUG"},
            "request.summary": {"handlers": ["console"], "level": "INFO"},
        },
    }
)


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "order"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String, unique=True)
    email: Mapped[str] = mapped_column(String)


url = os.environ["DATABASE_URL"].replace("postgres://", "postgresql+psycopg://")
engine = create_engine(url, pool_size=5)
log = logging.getLogger("web.api")
app = Flask(__name__)


class WithQueryString(Dockerflow):
    def summary_extra(self):
        return {**super().summary_extra(), "query_string": request.query_string.decode()}


WithQueryString(app)


@app.get("/")
def index():
    log.info("somebody was greeted")
    return "We are open.", 200, {"Content-Type": "text/plain"}


@app.get("/order/<name>")
def find(name):
    with Session(engine) as session:
        order = session.scalar(select(Order).where(Order.name == name))
    if order is None:
        return jsonify(title="Not Found"), 404
    return jsonify(name=order.name, email=order.email)


INSERT_JOB = text(
    "INSERT INTO job (id, kind, queue, state, payload, max_attempts, run_at, created_at) "
    "VALUES (gen_random_uuid(), 'send_receipt', 'default', 'available', "
    "cast(:payload AS json), 25, now(), now())"
)


@app.post("/order")
def place():
    body = request.get_json()
    with Session(engine) as session, session.begin():
        order = Order(name=body["name"], email=body["email"])
        session.add(order)
        session.flush()
        session.execute(INSERT_JOB, {"payload": json.dumps({"order_id": order.id})})
    return jsonify(name=body["name"], email=body["email"]), 202
