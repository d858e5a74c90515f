"""What Streamlit shows, one file a page."""
