"""The binary log as the server sends it to a replica."""

from __future__ import annotations

import struct
import time

import numpy as np

from tidegate.connectors.cdc.trickle import TRICKLE_BYTES, pause
from tidegate.connectors.mysql_cdc.catalogue import Catalogue
from tidegate.connectors.mysql_cdc.connection import Session
from tidegate.connectors.mysql_cdc.events import FORMAT_DESCRIPTION, HEADER, Events
from tidegate.connectors.mysql_cdc.gtid import MySqlGtids
from tidegate.connectors.mysql_cdc.packets import PacketReader, Packets
from tidegate.connectors.mysql_cdc.position import Position
from tidegate.errors import RetriableError, TidegateError

_REGISTER, _DUMP, _DUMP_GTID = 0x15, 0x12, 0x1E
_ANNOTATE = 2
_OK, _END, _ERROR = 0x00, 0xFE, 0xFF
_HEARTBEAT_SECONDS = 5
_SILENT_SECONDS = 60.0
_FIRST_EVENT = 4
_CHECKSUM_AND_ALGORITHM = 5
_EVENTS_OF_OLD_SERVERS = 57 + HEADER


class BinlogStream:
    """Reads the log from a position on, the way a replica does.

    The server sends heartbeats while nothing happens, so that a dead connection is noticed.

    Args:
        session: becomes the stream's own.
        catalogue: of the server, over another session.
        position: where to begin.
        server_id: number of the replica that this is, ``database.server.id``; 0 for none, which ends at the log's end
            and leaves the stream of another alone.
        annotate: whether the server shall send the statements that rows are of.

    Raises:
        TidegateError: the server refuses, or is away.
    """

    def __init__(
        self, session: Session, catalogue: Catalogue, position: Position, *, server_id: int, annotate: bool
    ) -> None:
        self._session = session
        self._failure: TidegateError | None = None
        self._trickled_at: float | None = None
        self._checksums = (catalogue.session.variable("binlog_checksum") or "NONE").upper() != "NONE"
        self._settings(mariadb=catalogue.mariadb)
        if server_id:
            self._register(server_id)
        flags = _ANNOTATE if annotate else 0
        if catalogue.mariadb and position.gtids:
            session.run("SET @slave_connect_state=%s", [position.gtids])
            session.run("SET @slave_gtid_strict_mode=0")
            session.run("SET @slave_gtid_ignore_duplicates=0")
            self._reader = self._dump("", _FIRST_EVENT, flags, server_id)
        elif position.gtids:
            gtids = MySqlGtids(position.gtids).encoded()
            payload = struct.pack("<HIIQI", 4, server_id, 0, _FIRST_EVENT, len(gtids)) + gtids
            self._reader = session.command(_DUMP_GTID, payload)
        else:
            self._reader = self._dump(position.file, position.pos, flags, server_id)

    def _settings(self, *, mariadb: bool) -> None:
        self._session.run("SET @master_heartbeat_period=%s", [_HEARTBEAT_SECONDS * 1_000_000_000])
        self._session.run("SET @master_binlog_checksum=@@global.binlog_checksum")
        if mariadb:
            # Four: it knows GTIDs.
            self._session.run("SET @mariadb_slave_capability=4")
        else:
            self._session.run("SET @source_heartbeat_period=%s", [_HEARTBEAT_SECONDS * 1_000_000_000])
            self._session.run("SET @source_binlog_checksum=@@global.binlog_checksum")

    def _register(self, server_id: int) -> None:
        host = b"tidegate"
        payload = struct.pack("<IB", server_id, len(host)) + host + b"\0\0" + struct.pack("<HII", 0, 0, 0)
        reader = self._session.command(_REGISTER, payload)
        packets = reader.take(_SILENT_SECONDS, 1)
        if packets is None:
            raise RetriableError(f"The {self._session.server.name} does not answer.")
        self._check(packets)
        if self._failure is not None:
            raise self._failure

    def _dump(self, file: str, pos: int, flags: int, server_id: int) -> PacketReader:
        payload = struct.pack("<IHI", pos, flags, server_id) + file.encode()
        return self._session.command(_DUMP, payload)

    def take(self, seconds: float, most_bytes: int) -> Events | None:
        """What has come, waiting for so long at most; None for nothing.

        Raises:
            TidegateError: the stream has ended; what came before has been taken.
        """
        if self._failure is not None:
            raise self._failure
        if self._trickled_at is not None:
            time.sleep(pause(time.monotonic() - self._trickled_at))
        packets = self._reader.take(seconds, most_bytes)
        trickles = packets is not None and sum(packets.size) < TRICKLE_BYTES
        self._trickled_at = time.monotonic() if trickles else None
        if packets is None:
            if time.monotonic() - self._reader.heard > _SILENT_SECONDS:
                raise RetriableError(f"The {self._session.server.name} has been silent for {_SILENT_SECONDS:.0f} s.")
            return None
        packets = self._check(packets)
        if not packets.start:
            if self._failure is not None:
                raise self._failure
            return None
        return self._events(packets)

    def _check(self, packets: Packets) -> Packets:
        """The packets before one that ends the stream."""
        last = packets.start[-1]
        first_byte = packets.data[last]
        if first_byte == _OK:
            return packets
        if first_byte == _ERROR:
            self._failure = self._session.refusal(bytes(packets.data[last : last + packets.size[-1]]))
        else:
            self._failure = RetriableError(f"The {self._session.server.name} has ended the stream.")
        return Packets(packets.data, packets.start[:-1], packets.size[:-1])

    def _events(self, packets: Packets) -> Events | None:
        events = Events.of(packets, skip=1, checksums=self._checksums)
        formats = np.flatnonzero(events.kinds == FORMAT_DESCRIPTION)
        for index in formats.tolist():
            checksums = _has_checksums(events.body(index))
            if checksums != self._checksums:
                # Each file says for itself whether its events have them.
                self._checksums = checksums
                events = events.recut(index, 4 if checksums else 0)
        return events

    def close(self) -> None:
        """Ends the stream."""
        self._session.close()


def _has_checksums(body: bytes) -> bool:
    if len(body) < _EVENTS_OF_OLD_SERVERS + _CHECKSUM_AND_ALGORITHM:
        return False
    return body[-_CHECKSUM_AND_ALGORITHM] == 1
