"""The Kafka form of Vigie: topics, frames, the producer that fills them, and what reads them."""
