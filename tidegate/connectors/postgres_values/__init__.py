"""PostgreSQL's values to Arrow, by columns: what reading by COPY and change data capture share."""
