//! A content-addressed ordered map of bytes.
