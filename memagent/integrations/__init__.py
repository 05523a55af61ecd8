"""Adapters for LangChain and LangGraph: vector store, retriever, chat history, store."""
