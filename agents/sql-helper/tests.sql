-- A small database to ask about. The table of salaries is one that the caller may not read.
DROP SCHEMA IF EXISTS sql_helper_shop CASCADE;
CREATE SCHEMA sql_helper_shop;
CREATE TABLE sql_helper_shop.customers (id bigint PRIMARY KEY, name text NOT NULL, country text, joined date);
COMMENT ON TABLE sql_helper_shop.customers IS 'People and firms that buy from us, one row each';
COMMENT ON COLUMN sql_helper_shop.customers.country IS 'Two letters, as in ISO 3166';
CREATE TABLE sql_helper_shop.orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES sql_helper_shop.customers,
                                     placed_at timestamptz, total numeric);
COMMENT ON TABLE sql_helper_shop.orders IS 'Orders of customers with what they cost';
COMMENT ON COLUMN sql_helper_shop.orders.total IS 'Price in euros, taxes included';
COMMENT ON COLUMN sql_helper_shop.orders.placed_at IS 'When the order came in';
CREATE VIEW sql_helper_shop.revenue_by_month AS
  SELECT date_trunc('month', placed_at) AS month, sum(total) AS revenue FROM sql_helper_shop.orders GROUP BY 1;
COMMENT ON VIEW sql_helper_shop.revenue_by_month IS 'Revenue of each month, from the orders';
CREATE TABLE sql_helper_shop.salaries (employee text, monthly_salary numeric);
COMMENT ON TABLE sql_helper_shop.salaries IS 'What employees earn: confidential';
REVOKE ALL ON sql_helper_shop.salaries FROM CURRENT_USER;
CREATE TABLE sql_helper_shop.cards (customer_id bigint, label text, secret_number text);
COMMENT ON TABLE sql_helper_shop.cards IS 'Loyalty cards of customers';
REVOKE ALL ON sql_helper_shop.cards FROM CURRENT_USER;
GRANT SELECT (customer_id, label) ON sql_helper_shop.cards TO CURRENT_USER;
