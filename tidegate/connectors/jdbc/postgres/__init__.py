"""What the JDBC source does differently on PostgreSQL: rows by binary COPY, taken apart by columns."""
