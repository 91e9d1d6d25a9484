"""What the JDBC source does differently on Oracle: columns from the driver, points in time that keep their zone."""
