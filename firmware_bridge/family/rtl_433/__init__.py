"""rtl_433: sensors of many makers, heard by radio."""
